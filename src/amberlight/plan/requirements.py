"""What three texts ask of those who prepare for incidents, paraphrased, and which of it a plan can answer.

References:
    AWS Well-Architected Framework, security pillar, SEC10-BP01 to BP08: https://docs.aws.amazon.com/wellarchitected/
        latest/security-pillar/incident-response.html (BP04 was "automate containment" until 2023).
    NIST SP 800-61r3 (April 2025), a profile of CSF 2.0, whose ids it uses: https://doi.org/10.6028/NIST.SP.800-61r3
    AWS Security Incident Response User Guide (technical guide): https://docs.aws.amazon.com/security-ir/latest/userguide/
        introduction.html. It has no numbers; IRG-01 to IRG-22 are ours, in its order.
"""

from __future__ import annotations

WELL_ARCHITECTED = "AWS Well-Architected"
NIST = "NIST SP 800-61r3"
GUIDE = "AWS Security Incident Response Guide"

TITLES: dict[str, dict[str, str]] = {
    WELL_ARCHITECTED: {
        "SEC10-BP01": "Identify key people, outside help and legal duties",
        "SEC10-BP02": "Develop an incident management plan",
        "SEC10-BP03": "Prepare forensic capabilities",
        "SEC10-BP04": "Develop and test playbooks",
        "SEC10-BP05": "Provide access ahead of time",
        "SEC10-BP06": "Deploy tools ahead of time",
        "SEC10-BP07": "Run simulations",
        "SEC10-BP08": "Learn from incidents",
    },
    NIST: {
        "GV.OC-03": "Legal and contractual duties are understood",
        "GV.RR-02": "Roles and authority are known",
        "GV.SC-08": "Suppliers are part of the plan",
        "ID.AM-03": "Network and data flows are known",
        "ID.AM-07": "Data that matters is listed",
        "ID.AM-08": "Systems are owned throughout their life",
        "ID.IM-01": "Improvements come from evaluations",
        "ID.IM-02": "Improvements come from tests and exercises",
        "ID.IM-03": "Improvements come from operations",
        "ID.IM-04": "Plans are kept up to date",
        "PR.AA-05": "Access is managed and least",
        "PR.PS-04": "Log records are made",
        "PR.DS-11": "Backups are made and tested",
        "DE.AE-02": "Events are analysed",
        "DE.AE-06": "The right people and tools are told",
        "DE.AE-08": "Incidents are declared by criteria",
        "RS.MA-01": "The plan is carried out with third parties",
        "RS.MA-02": "Reports are triaged",
        "RS.MA-03": "Incidents are put in categories and order",
        "RS.MA-04": "Incidents are escalated",
        "RS.AN-06": "What responders do is recorded",
        "RS.AN-07": "Evidence is collected and kept whole",
        "RS.CO-02": "Those inside and outside are notified",
        "RS.CO-03": "Information is shared with whom it was agreed",
        "RS.MI-01": "Incidents are contained",
        "RC.RP-03": "Backups are verified before use",
    },
    GUIDE: {
        "IRG-01": "Roles and stakeholders",
        "IRG-02": "Trained staff",
        "IRG-03": "Ways to AWS Support are known",
        "IRG-04": "A plan",
        "IRG-05": "Documented architecture",
        "IRG-06": "Playbooks",
        "IRG-07": "Regular simulations",
        "IRG-08": "Accounts in a structure, with one for forensics",
        "IRG-09": "Owners and data classes for triage",
        "IRG-10": "Current contacts",
        "IRG-11": "Access prepared",
        "IRG-12": "What is worth attacking",
        "IRG-13": "Logs chosen, kept and protected",
        "IRG-14": "Forensic capability",
        "IRG-15": "Sources of alerts",
        "IRG-16": "Collecting before changing",
        "IRG-17": "A narrative",
        "IRG-18": "Containment by written criteria",
        "IRG-19": "Recovery to a known good state",
        "IRG-20": "Measures",
        "IRG-21": "Indicators of compromise",
        "IRG-22": "Lessons and root cause",
    },
}

ELSEWHERE = {
    "ID.AM-03": "Not in a plan: it belongs to the architecture's own pages.",
    "ID.IM-01": "Not in a plan: an audit's findings are kept where the audit is.",
    "ID.IM-03": "Not in a plan: each case's own review.",
    "PR.DS-11": "Not in a plan: restore a backup and see.",
    "DE.AE-02": "`amberlight scan` and `amberlight signals`.",
    "RS.MA-02": "`amberlight signals`: every decision with its reason.",
    "RS.AN-06": "The custody ledger; `amberlight verify`.",
    "RC.RP-03": "Not in a plan: restore a backup and see.",
    "IRG-02": "Not in a plan: a drill shows who can do it (`amberlight demo`).",
    "IRG-05": "Not in a plan: it belongs to the architecture's own pages.",
    "IRG-16": "`amberlight capture plan`: most volatile first, and what is visible of it.",
    "IRG-17": "The custody ledger and the casebook.",
    "IRG-19": "Not in a plan: restore a backup and see.",
    "IRG-20": "The clocks of a drill's scorecard (`amberlight demo`).",
    "IRG-21": "`amberlight scan` with the rules of the plan.",
}
"""Requirements that no plan can answer, and where to look instead."""
