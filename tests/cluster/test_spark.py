"""map_in_pandas() below Spark: a master and two workers of its local cluster, each a process of its own."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import CLIPS, MICRO, command, results

if not shutil.which("java"):
    pytest.skip("needs java (Debian: openjdk-17-jre-headless)", allow_module_level=True)
sql = pytest.importorskip("pyspark.sql")
from potstill.cluster import map_in_pandas  # noqa: E402

ROWS = 24


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    os.environ.update(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable)
    session = (
        sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.local.dir", str(tmp_path_factory.mktemp("spark")))
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 4)
        .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_map_in_pandas(spark, tmp_path):
    """Partitions on both workers; a row that is an error; the results of the run of one process."""
    rows = [{"id": f"c{n:02d}", "audio": str(CLIPS[n % len(CLIPS)])} for n in range(ROWS)]
    rows[5]["audio"] = str(tmp_path / "none.flac")
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run(command(tmp_path, "--local"), cwd=tmp_path, capture_output=True)
    heard = map_in_pandas(model=str(MICRO), precision="f32", options={"guard": False})
    frame = spark.createDataFrame(rows).repartition(4)
    schema = "audio string, id string, text string, error string, seconds double, result string"
    found = frame.mapInPandas(heard, schema).orderBy("id").collect()
    wanted = [json.loads(line) for line in results(tmp_path)]
    assert [json.loads(row.result) for row in found] == wanted
    assert [row.text for row in found] == [row.get("text", "") for row in wanted]
    assert [row.id for row in found if row.error is not None] == ["c05"]
    assert all(row.seconds > 0 for row in found if row.error is None)
