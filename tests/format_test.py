"""Every source file is as clang-format writes it. Another major version formats differently: then the test is
skipped (exit status 77). Usage: format_test.py [root of the repository]"""

import pathlib
import re
import shutil
import subprocess
import sys

VERSION = "14"  # Debian 12
FOLDERS = ["event", "pipeline", "storage", "http", "config", "actors", "cli", "tests", "bench"]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    program = shutil.which("clang-format-" + VERSION) or shutil.which("clang-format")
    if not program:
        print("clang-format is not installed")
        sys.exit(77)
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(rf"version {VERSION}\.", told):
        print(f"clang-format {VERSION} is wanted, this is: {told.strip()}")
        sys.exit(77)
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.?pp"))
    command = [program, "--dry-run", "-Werror", "--style=file", *map(str, files)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stdout.write(done.stderr)
        print("\nremedy: clang-format -i on the files named above")
    sys.exit(1 if done.returncode else 0)


if __name__ == "__main__":
    main()
