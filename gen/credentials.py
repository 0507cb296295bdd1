"""Content Credentials: a signed C2PA manifest in the file says what made it (extra ``c2pa``).

C2PA technical specification 2.2, https://spec.c2pa.org. The signature shows that the file has not
been changed since; who signed it is only as good as the certificate. Without one of the user's own,
a certificate is made once a user and machine: readers show it as not known to any trust list.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gen.maker import SOURCE_TYPE, tool_version

_YEARS = 10


@dataclass(frozen=True)
class Identity:
    """Who signs.

    Attributes:
        certificates: PEM, the signer's own first, then those that vouch for it.
        key: PEM of its private key, PKCS#8.
    """

    certificates: bytes
    key: bytes

    @classmethod
    def load(cls, certificates: str | os.PathLike, key: str | os.PathLike) -> Identity:
        """Read PEM files.

        Raises:
            FileNotFoundError: one is missing.
            ValueError: one is no PEM file, or they do not belong together.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        chain, secret = Path(certificates).read_bytes(), Path(key).read_bytes()
        try:
            own = x509.load_pem_x509_certificates(chain)[0]
        except ValueError as error:
            raise ValueError(f"{Path(certificates).name} is no PEM certificate") from error
        try:
            private = load_pem_private_key(secret, password=None)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{Path(key).name} is no unencrypted PEM private key") from error
        if private.public_key() != own.public_key():
            raise ValueError(f"{Path(key).name} is not the key of {Path(certificates).name}")
        return cls(chain, secret)

    @classmethod
    def own(cls, folder: str | os.PathLike | None = None) -> Identity:
        """This user's self-made identity, made at the first call.

        Args:
            folder: where it is kept, the user's configuration folder by default.
        """
        if folder is None:
            from platformdirs import user_config_dir

            folder = user_config_dir("facewright", appauthor=False)
        folder = Path(folder)
        chain, key = folder / "c2pa-certificates.pem", folder / "c2pa-key.pem"
        if not (chain.is_file() and key.is_file()):
            made = _made()
            folder.mkdir(parents=True, exist_ok=True)
            _write(key, made.key, 0o600)
            _write(chain, made.certificates, 0o644)
        return cls.load(chain, key)

    @property
    def algorithm(self) -> str:
        """C2PA's name of the signature algorithm.

        Raises:
            ValueError: the key is of a kind that C2PA does not know.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self.key, password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            names = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
            if key.curve.name in names:
                return names[key.curve.name]
        elif isinstance(key, ed25519.Ed25519PrivateKey):
            return "ed25519"
        elif isinstance(key, rsa.RSAPrivateKey):
            return "ps256"
        raise ValueError("C2PA signs with EC keys of P-256, P-384 or P-521, with Ed25519 or RSA")


def available() -> bool:
    """Whether the extra ``c2pa`` is installed."""
    from importlib.util import find_spec

    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def sign(path: str | os.PathLike, identity: Identity, title: str | None = None) -> None:
    """Put a signed manifest into an mp4 file, which is replaced when that is done.

    Args:
        path: the file.
        identity: who signs.
        title: of the manifest, the file's name by default.

    Raises:
        ValueError: it cannot be signed.
    """
    import c2pa

    path = Path(path)
    software = {"name": "Facewright", "version": tool_version()}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": software,
        "description": "a portrait, animated by speech",
    }
    manifest = {
        "claim_generator_info": [software],
        "title": title or path.name,
        "format": "video/mp4",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    info = c2pa.C2paSignerInfo(identity.algorithm, identity.certificates, identity.key, None)
    signed = path.with_name(f".{path.stem[:64]}.{secrets.token_hex(4)}.signed.mp4")
    try:
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(manifest)) as builder:
            builder.sign_file(path, signed, signer)
        os.replace(signed, path)
    except c2pa.C2paError as error:
        raise ValueError(f"{path.name} could not be signed: {_line(error)}") from error
    finally:
        signed.unlink(missing_ok=True)


def read(path: str | os.PathLike) -> dict | None:
    """The active manifest of a file, if it carries one.

    Returns:
        ``signed_by``, ``tool``, ``source_type`` and ``state``: ``Invalid`` (changed since it was
        signed), ``Valid``, or ``Trusted`` (by a certificate on a trust list). None without a
        manifest.

    Raises:
        ValueError: there is a manifest that cannot be read.
    """
    import c2pa

    try:
        reader = c2pa.Reader.try_create(path)
        if reader is None:
            return None
        with reader:
            store, state = json.loads(reader.json()), reader.get_validation_state()
    except c2pa.C2paError as error:
        raise ValueError(f"{Path(path).name}: {_line(error)}") from error
    manifest = store["manifests"][store["active_manifest"]]
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"].get("actions", ())
    ]
    tools = manifest.get("claim_generator_info") or [{}]
    return {
        "signed_by": manifest.get("signature_info", {}).get("issuer"),
        "tool": " ".join(filter(None, (tools[0].get("name"), tools[0].get("version")))),
        "source_type": next(
            (a["digitalSourceType"] for a in actions if "digitalSourceType" in a), None
        ),
        "state": str(state),
    }


def _made() -> Identity:
    """A new key and its certificate, vouched for by an authority whose key is thrown away.

    C2PA refuses a certificate that signs itself (specification, section 14.5.1).
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    start = datetime.now(UTC) - timedelta(minutes=5)
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    # Readers show the organisation as the signer's name.
    root, leaf = (
        x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Facewright user (self-made)"),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
            ]
        )
        for name in ("Facewright local authority", "Facewright local signer")
    )

    def certificate(subject, public, is_authority: bool) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
            content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        vouching = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=365 * _YEARS))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(vouching, critical=False)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False)
        return builder.sign(authority, hashes.SHA256())

    chain = [
        certificate(leaf, key.public_key(), False),
        certificate(root, authority.public_key(), True),
    ]
    return Identity(
        b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """A file that is whole or not there, closed to others from its first byte."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    os.replace(part, path)


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
