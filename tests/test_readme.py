"""The README's example runs as it stands, and names every config."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_readme_python_example_runs(tiny_model, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "default").symlink_to(tiny_model)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "0 20 ACTOR Iraqi federal police" in out
    assert "quiet" in out


def test_readme_names_every_config():
    text = (ROOT / "README.md").read_text()
    for file in (ROOT / "configs").glob("*.yaml"):
        assert file.name in text, file.name


def test_readme_training_page_describes_every_setting():
    from pydantic import BaseModel

    from ie_model.config import schema as config

    page = " ".join((ROOT / "docs" / "training.md").read_text(encoding="utf-8").split())
    sections = [
        v for v in vars(config).values() if isinstance(v, type) and issubclass(v, BaseModel)
    ]
    described = 0
    for section in sections:
        for name, settings in section.model_fields.items():
            assert f"| `{name}` |" in page, f"{section.__name__}.{name}"
            assert " ".join(settings.description.split()) in page, f"{section.__name__}.{name}"
            described += 1
    assert described > 50
