"""What a distribution's RECORD says of its files, and which files are not as it says.

RECORD lists each file of an installed distribution with its SHA-256. hub.toml may name the hash of
RECORD itself; then every file is as it was when the operator looked, or the plugin does not load.
Limits: speaks of this distribution alone, not of those it depends on.
"""

import base64
import hashlib
from importlib import machinery, metadata, util
from pathlib import Path

CODE = tuple(machinery.all_suffixes())


def digest(distribution: metadata.Distribution) -> str | None:
    """Return `sha256:<hex>` of the RECORD file, None where there is none. Raises OSError."""
    for file in distribution.files or ():
        if file.name == "RECORD" and file.parent.name.endswith(".dist-info"):
            return "sha256:" + hashlib.sha256(Path(str(file.locate())).read_bytes()).hexdigest()
    return None


def altered(distribution: metadata.Distribution) -> list[str]:
    """Return the files that are not as RECORD says: changed, missing, or code that was added.

    Bytecode is not looked at: the one who asks must not load any.
    """
    found = []
    listed = {}
    for file in distribution.files or ():
        path = Path(str(file.locate())).resolve()
        listed[path] = file
        if file.hash is not None and not _same(path, file.hash.mode, file.hash.value):
            found.append(str(file))
    packages = {path.parent for path, file in listed.items() if file.parent.parts}
    for folder in packages:
        if folder.name.endswith(".dist-info") or not folder.is_dir():
            continue
        # An extension module beside a module of the same name would be loaded in its place.
        found.extend(
            f"{folder.name}/{path.name}"
            for path in folder.iterdir()
            if path.name.endswith(CODE) and path.suffix != ".pyc" and path not in listed
        )
    return sorted(found)


def stray(distribution: metadata.Distribution, module: str) -> str | None:
    """Return the file that an import of `module` would load and RECORD does not name, else None.

    So it is with an editable install, whose RECORD names no code, and where another copy of the
    module stands before it on the path. What is found is not run, but for packages above `module`
    that RECORD names.
    """
    listed = {Path(str(file.locate())).resolve() for file in distribution.files or ()}
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        found = util.find_spec(".".join(parts[:count]))
        if found is None:  # the import will say so
            return None
        # A package without a file of its own (origin None) has no code.
        if found.origin is not None and Path(found.origin).resolve() not in listed:
            return found.origin
    return None


def _same(path: Path, mode: str, value: str) -> bool:
    try:
        with path.open("rb") as file:
            made = hashlib.file_digest(file, mode).digest()
    except (OSError, ValueError):  # gone, or a digest that no one knows
        return False
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode() == value
