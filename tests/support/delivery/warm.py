"""What every publisher of the tests would load for itself: imported once, before they are forked."""

from pipelines import cli
from pipelines.core.login import Login
from pipelines.flow import archive
from pipelines.tools import s3, terminal
from pipelines.tools.retry import RetryPolicy

PLACE = s3.Place("warm bucket", "http://127.0.0.1:9", "us-east-1", "warm", "")
BUCKET = s3.Bucket(PLACE, Login("nobody", "nothing"), RetryPolicy(60))
LOADED = (cli, archive, terminal)
