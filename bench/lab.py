"""The lab under load: start-up, calls a second with the recorder on, memory over 100,000 calls and 2 GiB of objects, what stays.

Two client processes make mixed calls (reads and writes of IAM, EC2, S3, STS, KMS, SSM, CloudTrail), as fast as they are answered.
On a machine that does other work meanwhile, calls a second are a lower bound and times an upper one.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path

from amberlight.lab import LabOptions, Place, start

SAMPLE_S = 2.0


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """Processor time of a process, in its own code and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def caller(number: int, description: dict, keys: object, calls: int, told: object) -> None:
    """One client process: *calls* mixed calls; tells each thousand's end and the quickest and slowest tenth."""
    place = Place("bench", "127.0.0.1", None, description["endpoint"])
    name = f"bench-{os.getpid()}"
    service = {each: place.client(each, keys) for each in ("iam", "ec2", "s3", "sts", "kms", "ssm", "cloudtrail")}
    service["s3"].create_bucket(Bucket=name)
    key = service["kms"].create_key()["KeyMetadata"]["KeyId"]
    service["iam"].create_user(UserName=name)
    works = [
        lambda _: service["sts"].get_caller_identity(),
        lambda i: service["s3"].put_object(Bucket=name, Key=f"k{i % 500}", Body=b"x" * 1024),
        lambda _: service["ec2"].describe_instances(),
        lambda i: service["s3"].get_object(Bucket=name, Key=f"k{(i - 2) % 500 // 10 * 10 + 1}")["Body"].read(),
        lambda _: service["iam"].get_user(UserName=name),
        lambda _: service["s3"].head_object(Bucket=name, Key="k1"),
        lambda _: service["kms"].encrypt(KeyId=key, Plaintext=b"secret"),
        lambda i: service["iam"].tag_user(UserName=name, Tags=[{"Key": "n", "Value": str(i)}]),
        lambda i: service["ssm"].put_parameter(Name=name, Value=str(i), Type="String", Overwrite=True),
        lambda _: service["cloudtrail"].describe_trails(),
    ]
    times = []
    for i in range(calls):
        begun = time.perf_counter()
        try:
            works[i % len(works)](i)
        except service["s3"].exceptions.NoSuchKey:
            pass
        times.append(time.perf_counter() - begun)
        if (i + 1) % 1000 == 0:
            told.put(("progress", number, i + 1))
    told.put(("done", number, times))


def load(lab: object, calls: int) -> dict:
    """Calls from two processes; calls a second, latencies, memory of the lab before, meanwhile and after."""
    description, context = lab.describe(), multiprocessing.get_context("spawn")
    told, pid = context.Queue(), description["pid"]
    keys = lab.accounts["prod"].admin
    before, cpu_before, samples, times = memory_mb(pid), cpu_s(pid), [], []
    processes = [context.Process(target=caller, args=(n, description, keys, calls // 2, told)) for n in range(2)]
    for process in processes:
        process.start()
    begun, done, next_sample, made = None, 0, 0.0, {}
    while done < len(processes):
        kind, number, data = told.get()
        begun = begun or time.perf_counter()
        if kind == "progress":
            made[number] = data
            if time.perf_counter() >= next_sample:
                samples.append((sum(made.values()), round(memory_mb(pid), 1)))
                next_sample = time.perf_counter() + SAMPLE_S
        else:
            times += data
            done += 1
    # The first thousand of a process is its warming up.
    wall = time.perf_counter() - begun
    for process in processes:
        process.join()
    ordered = sorted(times)
    return {
        "calls": len(times),
        "calls_per_s": round((len(times) - 1000) / wall, 1),
        # Of the lab's one process; unlike calls a second, other work on the machine hardly moves it.
        "cpu_ms_per_call": round((cpu_s(pid) - cpu_before) * 1000 / len(times), 2),
        "p50_ms": round(statistics.median(ordered) * 1000, 2),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 2),
        "rss_mb_before": round(before, 1),
        "rss_mb_by_calls": samples,
        "rss_mb_after": round(memory_mb(pid), 1),
    }


def objects(lab: object, mib: int) -> dict:
    """So many MiB of objects of 16 MiB into one bucket; memory of the lab before and after, and its peak."""
    pid, keys = lab.describe()["pid"], lab.accounts["vault"].admin
    s3 = Place("bench", "127.0.0.1", None, lab.endpoint).client("s3", keys)
    s3.create_bucket(Bucket="bench-objects")
    before, begun, samples = memory_mb(pid), time.perf_counter(), []
    for number in range(mib // 16):
        s3.put_object(Bucket="bench-objects", Key=str(number), Body=os.urandom(16 * 1024 * 1024))
        samples.append(round(memory_mb(pid), 1))
    wall = time.perf_counter() - begun
    return {
        "mib": mib, "mib_per_s": round(mib / wall, 1), "rss_mb_before": round(before, 1), "rss_mb_max": max(samples),
        "rss_mb_after": samples[-1],
    }  # fmt: skip


def starts(times: int) -> list[float]:
    """Seconds from the call of `start` to a lab that answers."""
    found = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            lab = start(LabOptions(workdir=Path(folder)))
            found.append(round(time.perf_counter() - begun, 2))
            lab.stop()
    return found


def left(pid: int) -> list[str]:
    """What is left of a lab: its process, and processes that its death should have ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) == pid or int(fields[1]) == pid or int(fields[3]) == pid:
                found.append(entry.name)
    return found


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/out/lab.json"))
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--mib", type=int, default=2048)
    asked = parser.parse_args()
    figures: dict = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0], "start_s": starts(5)}
    with tempfile.TemporaryDirectory() as folder:
        lab = start(LabOptions(workdir=Path(folder)))
        pid = lab.describe()["pid"]
        figures["load"] = load(lab, asked.calls)
        figures["objects"] = objects(lab, asked.mib)
        begun = time.perf_counter()
        lab.stop()
        figures["stop_s"] = round(time.perf_counter() - begun, 2)
        # The kernel ends the rest when the lab's process is gone; that takes a moment.
        deadline = time.perf_counter() + 2
        while left(pid) and time.perf_counter() < deadline:
            time.sleep(0.05)
        figures["left"] = left(pid)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
