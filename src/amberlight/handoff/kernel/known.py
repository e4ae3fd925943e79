"""Types of the kernel's variables that BTF does not tell: it has types for those of each processor only.

Each is as C declares it in the kernel's sources, with the names of numbers as compilers write them. `[]`: as many as fit up to
the next symbol. A variable or a type that a kernel does not have is left out, so one table serves all versions.

References:
    Linux 5.10, 6.1 and 6.12: init/init_task.c, kernel/module/main.c, kernel/panic.c, kernel/printk/printk.c,
    net/core/net_namespace.c, net/socket.c, fs/super.c, kernel/resource.c, drivers/tty/tty_io.c, kernel/params.c.
"""

from __future__ import annotations

TYPES = {
    "bpf_kallsyms": "struct list_head",
    "cap_last_cap": "int",
    "ftrace_list_end": "struct ftrace_ops",
    "ftrace_mod_maps": "struct list_head",
    "ftrace_ops_list": "struct ftrace_ops *",
    "ftrace_ops_trampoline_list": "struct list_head",
    "ia32_sys_call_table": "void *[]",
    "idt_table": "struct gate_struct []",
    "init_cred": "struct cred",
    "init_files": "struct files_struct",
    "init_mm": "struct mm_struct",
    "init_net": "struct net",
    "init_nsproxy": "struct nsproxy",
    "init_pid_ns": "struct pid_namespace",
    "init_task": "struct task_struct",
    "init_user_ns": "struct user_namespace",
    "init_uts_ns": "struct uts_namespace",
    "iomem_resource": "struct resource",
    "kallsyms_num_syms": "unsigned int",
    "keyboard_notifier_list": "struct atomic_notifier_head",
    "log_buf": "char *",
    "log_buf_len": "unsigned int",
    "mem_map": "struct page *",
    "mem_section": "struct mem_section **",
    "mod_tree": "struct mod_tree_root",
    "module_kset": "struct kset *",
    "modules": "struct list_head",
    "net_namespace_list": "struct list_head",
    "node_data": "struct pglist_data *[]",
    "num_registered_fb": "int",
    "page_offset_base": "long unsigned int",
    "phys_base": "long unsigned int",
    "prb": "struct printk_ringbuffer *",
    "prog_idr": "struct idr",
    "registered_fb": "struct fb_info *[]",
    "saved_command_line": "char *",
    "socket_file_ops": "struct file_operations",
    "sockfs_dentry_operations": "struct dentry_operations",
    "super_blocks": "struct list_head",
    "sys_call_table": "void *[]",
    # Constants without a symbol follow it. 18 are there since 4.17; newer kernels have more, at the end.
    "taint_flags": "struct taint_flag [18]",
    "tk_core": "struct tk_data",
    "tty_drivers": "struct list_head",
    "vmemmap_base": "long unsigned int",
}

UNNAMED = {"tk_core": ("seq", "timekeeper")}
"""Variables whose structure has no name in C: its members. (tk_core got a name in 6.13.)"""
