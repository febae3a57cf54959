"""How Virtuoso Open Source is set up and loaded, for whoever starts one: the benchmarks and the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CONFIGURATION: Final = "virtuoso.ini"

OPTIONS: Final = ("+foreground", "+configfile", CONFIGURATION)
"""What its server is told on the command line, in the folder of its database."""

_TEXT: Final = """\
[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
ErrorLogLevel = 7
FileExtend = 200
MaxCheckpointRemap = 2000
Striping = 0
TempStorage = TempDatabase

[TempDatabase]
DatabaseFile = virtuoso-temp.db
TransactionFile = virtuoso-temp.trx
MaxCheckpointRemap = 2000
Striping = 0

[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
MaxClientConnections = 64
ServerThreads = 64
CheckpointInterval = 0
CaseMode = 2
DirsAllowed = ., {folder}
NumberOfBuffers = {buffers}
MaxDirtyBuffers = {dirty}
MaxQueryMem = 2G
ThreadsPerQuery = 2
AsyncQueueMaxThreads = 10
SchedulerInterval = 10

[HTTPServer]
ServerPort = 127.0.0.1:{port}
ServerRoot = .
ServerThreads = 40
MaxClientConnections = 64
MaxKeepAlives = 64
KeepAliveTimeout = 60
EnabledGzipContent = 0
Charset = UTF-8

[Client]
SQL_PREFETCH_ROWS = 100
SQL_PREFETCH_BYTES = 16000

[SPARQL]
{default}ResultSetMaxRows = 1000000000
MaxQueryCostEstimationTime = 0
MaxQueryExecutionTime = {seconds}
"""


def configure(
    home: Path, port: int, sql: int, data: Path, *, buffers: int, graph: str | None = None, seconds: int = 0
) -> None:
    """Write the configuration of a server into the folder of its database.

    The limits of the packaged one are lifted (10,000 rows, 10 connections, 60 s): ``buffers`` are of 8 KiB, ``seconds``
    limit a query (0: not at all), ``graph`` is the default graph of queries. What is to be loaded lies in ``data``.
    """
    default = f"DefaultGraph = {graph}\n" if graph else ""
    told = {"port": port, "sql": sql, "folder": data, "seconds": seconds, "default": default}
    text = _TEXT.format(buffers=buffers, dirty=buffers * 3 // 4, **told)
    (home / CONFIGURATION).write_text(text, "utf-8")


def orders(shell: str, sql: int, file: Path, graph: str, *more: str) -> list[str]:
    """Return the command by which its shell has a running server load a file, N-Quads into the graphs they name."""
    told = "; ".join((f"ld_dir('{file.parent}', '{file.name}', '{graph}')", "rdf_loader_run()", *more))
    return [shell, f"127.0.0.1:{sql}", "dba", "dba", f"exec={told};"]
