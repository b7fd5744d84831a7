"""What every publisher of the tests would load for itself: imported once, before they are forked."""

from pipelines import cli, terminal
from pipelines.flow import archive
from pipelines.tools import s3
from pipelines.tools.login import Login
from pipelines.tools.patience import Patience

PLACE = s3.Place("warm bucket", "http://127.0.0.1:9", "us-east-1", "warm", "")
BUCKET = s3.Bucket(PLACE, Login("nobody", "nothing"), Patience(60))
LOADED = (cli, archive, terminal)
