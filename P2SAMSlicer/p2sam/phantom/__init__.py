"""The phantom patient: a prior visit and two follow-ups with known truth, computed, no data needed."""

from .patient import FOLLOWUPS, PATIENT_ID, PRIOR, STRUCTURES, PhantomPatient, phantom_patient, write_phantom

__all__ = ["FOLLOWUPS", "PATIENT_ID", "PRIOR", "STRUCTURES", "PhantomPatient", "phantom_patient", "write_phantom"]
