"""The readable page of a candidate: one HTML file with its pictures inside, without script, made in milliseconds.

Knows metrics.json and the holdout's predictions; nothing of training, gate rules or files.
"""

from keepfit.pipeline.report.amend import amend
from keepfit.pipeline.report.page import render

__all__ = ["amend", "render"]
