"""Who plays: four partners and their people, each with a plot that leads to one state of the engine."""

from __future__ import annotations

from dataclasses import dataclass

PARTNERS: dict[str, tuple[str, str]] = {
    "aurora": ("Aurora Consulting", "EMEA"),
    "borealis": ("Borealis Systems", "EMEA"),
    "cumulus": ("Cumulus Digital", "AMER"),
    "drift": ("Drift & Daughters", "APAC"),
}


@dataclass(frozen=True, slots=True)
class Learner:
    """One person; `plot` names a function of `lrs.demo.story`, `days` is how long ago it peaked."""

    name: str
    org: str
    role: str
    plot: str
    days: int

    @property
    def mailbox(self) -> str:
        """The address that content sends."""
        return f"{self.name.lower().replace(' ', '.')}@{self.org}.example"

    @property
    def ifi(self) -> str:
        """The canonical identifier."""
        return f"mbox::mailto:{self.mailbox}"


def _cast(org: str, role: str, plots: str, names: str) -> list[Learner]:
    """Read `plot:days` and names side by side."""
    pairs = ((name, *plot.split(":")) for name, plot in zip(names.split(", "), plots.split(), strict=True))
    return [Learner(name, org, role, plot, int(days)) for name, plot, days in pairs]


ASSESSORS = [
    Learner("Ines Castell", "vendor", "assessor", "nothing", 0),
    Learner("Tomas Rehn", "vendor", "assessor", "nothing", 0),
]

CAST: list[Learner] = [
    # platinum: four in sales, six technical people, two who implement, each a different person
    *_cast(
        "aurora",
        "sales",
        "sales_active:40 sales_active:120 sales_active:200 sales_renewed:480 "
        "sales_renewal_open:310 sales_withdrawn:150",
        "Bea Lindqvist, Carlo Benedetti, Dana Okafor, Emil Novak, Farida Haddad, Gil Moreau",
    ),
    *_cast(
        "aurora",
        "technical",
        "associate:60 associate:200 associate:320 associate:500 "
        "technical:90 technical:260 technical:380 in_progress_tech:20",
        "Hana Sato, Igor Petrov, Jana Kralova, Kofi Mensah, Lena Vogt, Mateo Rojas, Nils Berg, Olga Ivanova",
    ),
    *_cast("aurora", "delivery", "implementer:100 implementer:330", "Priya Nair, Quinn Archer"),
    # gold: two in sales, three technical people
    *_cast(
        "borealis",
        "sales",
        "sales_active:80 sales_grace:375 sales_expired:520 sales_suspended:110 sales_pending:70",
        "Rosa Almeida, Sven Dahl, Tara Quinn, Umar Farooq, Vera Kuznetsova",
    ),
    *_cast(
        "borealis",
        "technical",
        "associate:30 associate:270 technical:180 associate_renewal:660 in_progress_tech:45",
        "Wim de Vries, Xenia Pappas, Yusuf Demir, Zoe Laurent, Aaron Feld",
    ),
    *_cast("borealis", "delivery", "implementer:60", "Britta Holm"),
    # silver: one salesperson
    *_cast(
        "cumulus",
        "sales",
        "sales_active:25 sales_revoked:190 in_progress_sales:15 sales_expired:600",
        "Chloe Martin, Diego Ramos, Elsa Brandt, Frank Osei",
    ),
    *_cast("cumulus", "technical", "associate:150 in_progress_tech:10", "Greta Lund, Hugo Silva"),
    # registered: Ana misses exactly one statement, and her partner would be silver with her
    *_cast(
        "drift",
        "sales",
        "sales_but_demo:12 in_progress_sales:30 sales_failed:50",
        "Ana Lima, Ben Carter, Cleo Nagy",
    ),
    *_cast("drift", "technical", "in_progress_tech:25", "Dmitri Orlov"),
]
