"""Layers: equal files give equal bytes, and an archive that every runtime reads."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core import digests
from pipelines.core.errors import SourceError
from pipelines.image.layer import File, make_layer, pack_files, unpack_files
from tests.support.tools import need

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
PLAIN = NAMES.filter(lambda name: name not in (".", "..") and not name.startswith(".wh."))
PATHS = st.lists(PLAIN, min_size=1, max_size=5).map("/".join)


@pytest.mark.slow
@given(st.dictionaries(PATHS, st.binary(max_size=2000), max_size=8), st.randoms())
def test_the_order_of_files_is_no_matter_and_nothing_is_lost(files: dict[str, bytes], random: object) -> None:
    paths = {path for path in files if not any(other.startswith(f"{path}/") for other in files)}
    rows = [File(path, files[path]) for path in sorted(paths)]
    shuffled = rows[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pack_files(rows) == pack_files(shuffled)
    assert {file.path: file.data for file in unpack_files(pack_files(rows)) if not file.folder} == {
        path: files[path] for path in paths
    }


def test_every_entry_has_fixed_owner_mode_and_a_time_of_its_content() -> None:
    data = b"a page"
    packed = pack_files(
        [File("srv/public/x/index.html", data), File("bin/run", b"#", 0o755), File("lib", link="usr/lib")]
    )
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        found = {info.name: info for info in tar}
    assert {info.uid for info in found.values()} == {info.gid for info in found.values()} == {0}
    assert {(info.uname, info.gname) for info in found.values()} == {("", "")}
    assert [(name, oct(info.mode), info.type) for name, info in found.items()] == [
        ("bin", "0o755", tarfile.DIRTYPE),
        ("bin/run", "0o755", tarfile.REGTYPE),
        ("lib", "0o644", tarfile.SYMTYPE),
        ("srv", "0o755", tarfile.DIRTYPE),
        ("srv/public", "0o755", tarfile.DIRTYPE),
        ("srv/public/x", "0o755", tarfile.DIRTYPE),
        ("srv/public/x/index.html", "0o644", tarfile.REGTYPE),
    ]
    assert found["srv/public/x/index.html"].mtime == digests.mtime(hashlib.sha256(data).digest())
    assert found["srv"].mtime == digests.EPOCH
    assert found["lib"].linkname == "usr/lib"


@pytest.mark.parametrize(
    "path",
    [
        "srv/public/" + "x" * 200 + "/index.html",       # USTAR has 155 bytes for the folder
        "srv/public/" + "y" * 180,                       # and 100 for the name
        "srv/public/" + "/".join("z" * 100 for _ in range(20)),
        "srv/public/" + "ä" * 120 + "/index.html",
        "srv/public/grün ☃.html",
    ],
)  # fmt: skip
def test_long_names_and_any_letters_arrive(tmp_path: Path, path: str) -> None:
    """Read by GNU tar, which knows nothing of the writer."""
    (tmp_path / "layer.tar").write_bytes(pack_files([File(path, b"data")]))
    subprocess.run([need("tar"), "-xf", "layer.tar"], cwd=tmp_path, check=True, env={"LC_ALL": "C.UTF-8"})
    assert (tmp_path / path).read_bytes() == b"data"


def test_a_name_that_would_delete_another_file_is_refused() -> None:
    """OCI: .wh.x in a layer takes x of the layers below away."""
    with pytest.raises(SourceError) as caught:
        pack_files([File("srv/public/.wh.index.html"), File("srv/.wh..wh..opq"), File("srv/x.wh.y")])
    assert [fault.path for fault in caught.value.faults] == ["srv/.wh..wh..opq", "srv/public/.wh.index.html"]


def test_a_base_is_packed_reproducibly_whatever_tool_packed_it_first(tmp_path: Path) -> None:
    """Order, owner, times and umask of another tool leave no trace."""
    archives = []
    for turn, order in enumerate((("a", "b", "t"), ("t", "b", "a"))):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for name in order:
                info = tarfile.TarInfo(f"./{name}" if turn else name)
                info.mtime, info.uid, info.uname = 1000 + turn, turn, f"u{turn}"
                info.mode = {"a": 0o755, "b": 0o644, "t": 0o1777}[name] & ~(
                    0o027 if turn and name != "t" else 0
                )
                if name == "t":
                    info.type = tarfile.DIRTYPE
                else:
                    info.size = 1
                tar.addfile(info, io.BytesIO(name.encode()))
        archives.append(pack_files(unpack_files(stream.getvalue())))
    assert archives[0] == archives[1]
    assert (
        make_layer("x", unpack_files(archives[0])).digest == make_layer("y", unpack_files(archives[1])).digest
    )


def test_devices_in_a_base_are_refused() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo("dev/null")
        info.type = tarfile.CHRTYPE
        tar.addfile(info)
    with pytest.raises(SourceError, match="dev/null: is not a file, directory or link"):
        unpack_files(stream.getvalue())
