"""Score a corpus on one machine: copy this and change it.

    python scripts/score_corpus.py runs/default entities.jsonl.gz corpus/

Stop it at any moment; the same command goes on where it was.
"""

import argparse
import json
import sys

from ie_model.errors import IEModelError
from ie_model.scoring import CutOptions, Interrupted, ReadOptions, WriteOptions, score


def main() -> int:
    """Run one job and print its summary."""
    parser = argparse.ArgumentParser(description="Extract entities from a corpus.")
    parser.add_argument("model", help="model directory")
    parser.add_argument("output", help=".jsonl, .jsonl.gz, .jsonl.zst, .parquet, or a folder/")
    parser.add_argument("inputs", nargs="+", help="files, folders or patterns")
    parser.add_argument("--workers", type=int, help="processes; by default what suits the machine")
    arguments = parser.parse_args()

    # What a row looks like. A row without a text, or with one of more than a million
    # characters, is set aside in OUTPUT.rejected.jsonl and does not stop the job.
    read = ReadOptions(text_column="text", id_column=None, keep=(), max_chars=1_000_000)

    # What is lost when a worker is killed, and how long Ctrl-C takes: one shard.
    cut = CutOptions(rows=500)

    try:
        summary = score(
            arguments.inputs,
            arguments.output,
            arguments.model,
            read=read,
            write=WriteOptions(text=True),
            cut=cut,
            workers=arguments.workers,
            # More bad rows than this, and something is wrong with the corpus.
            max_rejected=100_000,
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


# Worker processes import this file: without this line each would start the job again.
if __name__ == "__main__":
    sys.exit(main())
