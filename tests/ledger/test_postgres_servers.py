"""TLS, several servers in one URL, and Debian's version, on Debian's PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from rescind.config.times import utc_now
from rescind.ledger.reading.listing import Filter, list_rows
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    ping,
    reading,
    writing,
)
from tests.ledger.build import new, take_in
from tests.postgres_cluster import Cluster, cluster, newest_programs, replica
from tests.valkey import free_port

Key = ec.EllipticCurvePrivateKey


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``ours.pem`` and ``other.pem``, and our server's certificate."""
    folder = tmp_path_factory.mktemp("authorities")
    for name in ("other", "ours"):
        key = ec.generate_private_key(ec.SECP256R1())
        own = certificate(name, key, name, key, authority=True)
        (folder / f"{name}.pem").write_bytes(own)
    server = ec.generate_private_key(ec.SECP256R1())
    found = certificate("localhost", server, "ours", key, authority=False)
    (folder / "server.crt").write_bytes(found)
    kept = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(server.private_bytes(*kept))
    return folder


def certificate(name: str, key: Key, by: str, signer: Key, *, authority: bool) -> bytes:
    now = utc_now()
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, by)
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
    )
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def server(authorities: Path) -> Iterator[Cluster]:
    with cluster(newest_programs()) as found:
        files = {
            f"ssl_{kind}_file": str(found.own(name, (authorities / name).read_bytes()))
            for kind, name in (("cert", "server.crt"), ("key", "server.key"))
        }
        found.start(ssl="on", **files)
        yield found


@pytest.fixture(scope="module")
def standby(server: Cluster) -> Iterator[Cluster]:
    with replica(server) as found:
        yield found


def verified(server: Cluster, host: str, authority: Path) -> str:
    return (
        f"postgresql://postgres@{host}:{server.port}/postgres"
        f"?sslmode=verify-full&sslrootcert={authority}"
    )


# --- TLS ------------------------------------------------------------------------------


def test_a_certificate_of_an_own_authority_is_verified(
    server: Cluster, authorities: Path
) -> None:
    engine = open_ledger(verified(server, "localhost", authorities / "ours.pem"))
    with reading(engine) as connection:
        mine = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(text(mine)).scalar_one() is True
    engine.dispose()


@pytest.mark.parametrize(
    ("host", "authority", "sentence"),
    [
        ("localhost", "other.pem", "sslrootcert must name a file with the authority"),
        ("127.0.0.1", "ours.pem", "must name the server as its certificate does"),
    ],
)
def test_another_authority_or_name_is_refused_in_a_sentence(
    server: Cluster, authorities: Path, host: str, authority: str, sentence: str
) -> None:
    engine = open_ledger(verified(server, host, authorities / authority))
    with pytest.raises(LedgerUnreachableError, match=sentence):
        ping(engine)


# --- several servers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "hosts",
    [
        "?host=127.0.0.1:{replica}&host=127.0.0.1:{primary}&",
        "?host=127.0.0.1,127.0.0.1&port={replica},{primary}&",
    ],
)
def test_of_several_servers_the_one_that_takes_writes_is_used(
    server: Cluster, standby: Cluster, hosts: str
) -> None:
    named = hosts.format(replica=standby.port, primary=server.port)
    url = f"postgresql://postgres@/postgres{named}target_session_attrs=read-write"
    engine = open_ledger(url)
    with writing(engine) as connection:
        where = "SELECT pg_is_in_recovery()"
        assert connection.execute(text(where)).scalar_one() is False
    engine.dispose()


def test_if_no_server_takes_writes_the_sentence_names_each(
    standby: Cluster,
) -> None:
    nobody = free_port()
    url = (
        f"postgresql://postgres@/postgres?host=127.0.0.1:{nobody}"
        f"&host=127.0.0.1:{standby.port}&target_session_attrs=read-write"
    )
    with pytest.raises(LedgerUnreachableError) as refused:
        ping(open_ledger(url))
    assert "no server of RESCIND_DATABASE_URL takes writes now" in str(refused.value)
    assert str(nobody) in str(refused.value)


# --- Debian's version -----------------------------------------------------------------


def test_debians_version_has_all_that_the_ledger_needs(server: Cluster) -> None:
    engine = open_ledger(server.url())
    upgrade(engine)
    assert take_in(engine, [new()])
    with reading(engine) as connection:
        assert len(list_rows(connection, Filter(), 9)) == 1
    engine.dispose()
