"""Thousands of hours: manifests, parts that are done once, workers that survive their sounds.

``potstill-batch MANIFEST -o OUT --model M --adapter A`` is ``command``; on Ray it is ``on_ray``, on this
machine alone ``here``. Only ``on_ray`` knows Ray; a task of Spark, Slurm or GNU parallel uses the rest.

    from potstill.cluster import transcribe_dataset     # a Dataset of Ray in, one with texts out
    from potstill.cluster import map_in_pandas          # for Spark
"""

from .frames import COLUMNS as COLUMNS, map_in_pandas as map_in_pandas
from .on_ray import transcribe_dataset as transcribe_dataset
from .settings import Settings as Settings
from .worker import Worker as Worker
