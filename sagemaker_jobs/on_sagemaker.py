"""What SageMaker's training toolkit starts in the container, by itself or through torchrun: the job that it is told of.

The toolkit runs a script, not a module, and would put this folder where Python looks for modules first.
"""

import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run `sagemaker_jobs.<VITRINE_JOB>` with the options of the command line, as its own program."""
    sys.path[0] = str(Path(__file__).parents[1])
    runpy.run_module(f"sagemaker_jobs.{os.environ['VITRINE_JOB']}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
