"""The places that the tests of the workers know too."""

from tests.worker.domains.places import (
    duty,
    go_on_duty,
    open_stage,
    open_tenant,
    patient_resolvers,
    shift,
    stage,
    tenant,
)

__all__ = ["duty", "go_on_duty", "open_stage", "open_tenant", "patient_resolvers", "shift", "stage", "tenant"]
