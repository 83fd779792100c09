"""The ground floor in the operator's workbench: every change goes through the verbs, so that evidence is left.

base            tables that are only read, forms and rows whose deed is a verb; the other rooms build on them
companies, people, applications, gates, certificates, evidence
                what is registered, by noun
people_deeds    what the workbench adds to accounts
"""

from portal.admin import applications, certificates, companies, evidence, gates, people

__all__ = ["applications", "certificates", "companies", "evidence", "gates", "people"]
