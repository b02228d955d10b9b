"""The one table from errors to HTTP."""

import pytest

from keepfit.client.failures import ERROR_OF_STATUS
from keepfit.errors import DeadlyRequestError, ReloadError, ServingError, UnreachableError
from keepfit.frontend.replies import REPLIES, reply_to


def tree(kind):
    below = [one for one in kind.__subclasses__() if one.__module__ == kind.__module__]
    return {kind}.union(*map(tree, below))


def test_table_is_total_over_what_a_prediction_can_raise():
    # within the server only: a client sees codes, which do not tell them from others
    unseen = {ReloadError, DeadlyRequestError}
    assert tree(ServingError) - unseen | tree(UnreachableError) == set(REPLIES)


@pytest.mark.parametrize("kind", sorted(set(ERROR_OF_STATUS.values()), key=lambda kind: kind.__name__))
def test_everything_that_the_client_raises_has_a_reply(kind):
    assert kind in REPLIES
    assert reply_to(kind("why")).status in {400, 413, 501, 502, 503, 504}
