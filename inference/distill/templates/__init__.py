"""The statements of databases in training and validation, with how often each is taken.

Taken from what programs do, with no rule in mind: most have little or nothing to gain. Each takes a draft and returns a
statement; where the database lacks what it asks for, the draft raises LookupError.
"""

from ..queries import Templates
from . import dashboards, reports, services, writers

TEMPLATES = Templates({**services.TEMPLATES, **dashboards.TEMPLATES, **reports.TEMPLATES}, writers.TEMPLATES)
