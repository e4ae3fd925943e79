"""AWS's command line, imported once and forked for each command: run with the Python of an environment that has awscli.

Reads one JSON object a line (`words`, `environment`) and writes one a line (`code`, `out`, `err`), as the program itself would have
ended and printed.
"""

import importlib
import json
import os
import sys
import tempfile
import traceback

from awscli.clidriver import main

# What every command imports on its way.
for name in ("awscli.handlers", "awscli.botocore.parsers", "awscli.botocore.signers"):
    importlib.import_module(name)


def run(asked):
    """Run one command in a child."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            # The program has told itself where its data lie when it was imported.
            data = os.environ["AWS_DATA_PATH"]
            os.environ.clear()
            os.environ.update({"AWS_DATA_PATH": data, **asked["environment"]})
            sys.argv = ["aws", *asked["words"]]
            code = 255
            try:
                code = main()
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return {"code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
