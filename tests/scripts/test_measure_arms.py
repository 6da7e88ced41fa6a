"""The script that measures arms knows when an answer it keeps is still one of the same question."""

import shutil

import numpy as np

from ie_model.config.schema import SourceConfig


def test_measure_arms_key_knows_all_that_is_learned_from(script, tiny_config, tiny_model, tmp_path):
    # Of a teacher or a backbone trained anew in its place, the old answers were kept.
    teacher, backbone = tmp_path / "teacher", tmp_path / "backbone"
    for folder in (teacher, backbone):
        shutil.copytree(tiny_model, folder)
    gold, dev, plain = (tmp_path / f"{name}.txt" for name in ("gold", "dev", "plain"))
    for file in (gold, dev, plain):
        file.write_text("[[ACTOR|Police]] left.", encoding="utf-8")
    given = tiny_config()
    config = given.model_copy(
        update={
            "data": given.data.model_copy(update={"dev": [SourceConfig(path=dev)]}),
            "model": given.model.model_copy(update={"backbone": str(backbone)}),
            "distillation": given.distillation.model_copy(
                update={"teachers": [teacher], "unlabelled": [SourceConfig(path=plain)]}
            ),
        }
    )
    keys = [script.key(config, gold)]
    assert script.key(config, gold) == keys[0]
    learned = [f / "model.safetensors" for f in (teacher, backbone)]
    for file in (given.data.train[0].path, dev, plain, gold, *learned):
        with file.open("ab") as stream:
            stream.write(b" ")
        keys.append(script.key(config, gold))
    assert len(set(keys)) == len(keys)


def test_measure_arms_gold_may_be_a_folder(script, tiny_config, tmp_path):
    folder = tmp_path / "gold"
    folder.mkdir()
    (folder / "a.ann").write_text("T1\tACTOR 0 6\tPolice\n", encoding="utf-8")
    (folder / "a.txt").write_text("Police left.", encoding="utf-8")
    before = script.key(tiny_config(), folder)
    (folder / "a.txt").write_text("Police came.", encoding="utf-8")
    assert script.key(tiny_config(), folder) != before


def authored(config):
    """The config with its corpus for training only."""
    (source,) = config.data.train
    sources = [source.model_copy(update={"train_only": True, "weight": 2.0})]
    return config.model_copy(update={"data": config.data.model_copy(update={"train": sources})})


def test_measure_arms_holds_every_authored_document_out_once(script, tiny_config):
    given = tiny_config()
    parts = [script.Division(part=(part, 3)).apply(authored(given)) for part in range(3)]
    texts = sorted(d.text for _, held in parts for d in held)
    for kept, held in parts:
        assert {weight for weight, _ in kept} == {2.0}
        assert sorted([*(d.text for _, d in kept), *(d.text for d in held)]) == texts
    kept, held = script.Division(part=(0, 3)).apply(given)  # may be tested on: stays in training
    assert held == []
    assert sorted(d.text for _, d in kept) == texts


def test_measure_arms_with_fewer_documents_holds_out_others(script, tiny_config):
    given = authored(tiny_config())
    (source,) = given.data.train
    source.path.write_text(
        "".join(f"[[ACTOR|Police]] left {n}.\n" for n in range(9)), encoding="utf-8"
    )
    one, two = (script.Division(documents=n, hold_out=True).apply(given) for n in (2, 4))
    kept, held = ([d.text for _, d in two[0]], [d.text for d in two[1]])
    assert len(kept) == len(held) == 4
    assert not set(kept) & set(held)
    assert [d.text for _, d in one[0]] == kept[:2]  # what follows is added to it
    assert [d.text for d in one[1]] == kept[2:]
    assert script.Division(documents=4).apply(given)[1] == []


def test_measure_arms_says_what_an_arm_gains_over_the_first(script):
    labels = ["ACTOR", "DATE"]
    counts = np.array([[[[correct, 4, 4]] * 2] * 3 for correct in (2, 3)])  # two seeds
    row = script.summary(counts, 7.0, labels)
    assert (row["f1"], row["range"], row["labels"]["DATE"]) == (62.5, [50.0, 75.0], 62.5)
    assert script.described("a", row).splitlines()[0].endswith("7 s")
    row |= script.difference(counts - [1, 0, 0], counts, labels)
    assert "difference +25.0 (+25.0 to +25.0)" in script.described("a", row)
