"""Certificates of authorities and of a server, made for one test run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from rescind.config.times import utc_now

Key = ec.EllipticCurvePrivateKey


def write_certificates(folder: Path) -> None:
    """``ours.pem`` and ``other.pem``, and ``server.crt`` and ``server.key`` for
    ``localhost``, which ``ours.pem`` has signed."""
    ours, other, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    for name, key in (("other", other), ("ours", ours)):
        own = _certificate(name, key, name, key, authority=True)
        (folder / f"{name}.pem").write_bytes(own)
    signed = _certificate("localhost", server, "ours", ours, authority=False)
    (folder / "server.crt").write_bytes(signed)
    kept = server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(kept)


def _certificate(
    name: str, key: Key, by: str, signer: Key, *, authority: bool
) -> bytes:
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, by)
    )
    named = x509.SubjectAlternativeName([x509.DNSName(name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(named, critical=False)
    )
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)
