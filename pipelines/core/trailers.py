"""The trailers of commits that steps read (git-interpret-trailers)."""

ROLLBACK = "Rollback-To"  # of a commit that restores an archived release
AS_OF = "As-Of"  # of a commit that sets the time up to which posts are due
