"""Runs a command; one JSON line of what it and its children used. Usage: COMMAND ARG…"""
import json
import resource
import subprocess
import sys
import time

started = time.monotonic()
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "code": code,
    "cpuSeconds": used.ru_utime + used.ru_stime,
    "wallSeconds": time.monotonic() - started,
    "maxRssMb": used.ru_maxrss / 1024,
    "writtenMb": used.ru_oublock / 2048,
}))
