"""One heavier host: a machine of its own under software emulation, with its own kernel.

The lab's other hosts share this machine's kernel; what only a whole machine has (its memory, its kernel's symbols) cannot
be taken from them. The guest boots Debian's cloud kernel in QEMU, without a network, and dies with the lab. `image.py`
makes what it boots, `machine.py` starts it in the lab's process, `reach.py` is the handle of whoever works with it.
"""
