"""flair: a linear layer on a transformer's first tokens, by ``ModelTrainer.fine_tune``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import flair
import torch
from flair.data import Sentence
from flair.datasets import ColumnCorpus
from flair.embeddings import TransformerWordEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from job import Job, Predict, main, sentences


def train(job: Job) -> None:
    flair.device = torch.device("cpu")
    flair.set_seed(job.seed)
    torch.set_num_threads(job.threads)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"  # without -DOCSTART-, which would be a sentence
        file.write_text(
            "\n".join(
                "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True))
                for words, tags in sentences(job.data / "train.conll")
            ),
            encoding="utf-8",
        )
        corpus = ColumnCorpus(
            folder, {0: "text", 1: "ner"}, train_file=file.name, column_delimiter="\t",
            sample_missing_splits=False,
        )  # fmt: skip
    embeddings = TransformerWordEmbeddings(
        job.backbone, layers="-1", subtoken_pooling="first", fine_tune=True
    )
    tagger = SequenceTagger(
        embeddings=embeddings, tag_type="ner", use_crf=False, use_rnn=False,
        tag_dictionary=corpus.make_label_dictionary("ner", add_unk=False),
        reproject_embeddings=False,
    )  # fmt: skip
    ModelTrainer(tagger, corpus).fine_tune(
        job.model, learning_rate=job.rate, mini_batch_size=job.batch, max_epochs=1,
        embeddings_storage_mode="none",
    )  # fmt: skip


def load(job: Job) -> Predict:
    flair.device = torch.device("cpu")
    torch.set_num_threads(job.threads)
    tagger = SequenceTagger.load(job.model / "final-model.pt")

    def predict(texts: list[str]) -> list[list[tuple[int, int, str]]]:
        found = [Sentence(text) for text in texts]
        tagger.predict(found)
        return [
            [
                (s.start_position, s.end_position, s.get_label("ner").value)
                for s in f.get_spans("ner")
            ]
            for f in found
        ]

    return predict


if __name__ == "__main__":
    main(train, load)
