"""Score a corpus on a Ray cluster: copy this and change it.

    ray start --head                         # on one machine
    ray start --address=HEAD:6379            # on each of the others
    python scripts/score_ray.py runs/default /shared/entities/ /shared/corpus/ --address auto

Every node must see the model, the corpus and the output under the same paths (NFS, Lustre,
FSx, Filestore). Without --address it starts a cluster of this machine alone.
"""

import argparse
import json
import sys

from ie_model.errors import IEModelError
from ie_model.scoring import CutOptions, Interrupted, ReadOptions, WriteOptions, score_on_ray


def main() -> int:
    """Run one job and print its summary."""
    parser = argparse.ArgumentParser(description="Extract entities from a corpus, on Ray.")
    parser.add_argument("model", help="model directory")
    parser.add_argument("output", help="a folder/ of parts, or one file; on shared storage")
    parser.add_argument("inputs", nargs="+", help="files, folders or patterns; on shared storage")
    parser.add_argument("--address", help="the cluster's address, or auto")
    parser.add_argument("--actors", type=int, help="models to load; by default as many as fit")
    parser.add_argument("--cpus", type=int, default=4, help="CPUs of each")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of each")
    arguments = parser.parse_args()

    try:
        summary = score_on_ray(
            arguments.inputs,
            arguments.output,
            arguments.model,
            address=arguments.address,
            actors=arguments.actors,
            actor_cpus=arguments.cpus,
            actor_gpus=arguments.gpus,
            read=ReadOptions(keep=()),
            # zstd is quicker than gzip; a folder spares the joining of all parts at the end.
            write=WriteOptions(format="jsonl.zst" if arguments.output.endswith("/") else "auto"),
            # Larger than on one machine: a million parts are no joy to list.
            cut=CutOptions(rows=20_000),
            progress=True,
        )
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return 128 + stopped.signal
    except IEModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(summary, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
