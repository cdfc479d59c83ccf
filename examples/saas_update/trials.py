"""The example's data, the same at each run: who is on trial, and what the vendors know already."""

import datetime
from dataclasses import dataclass

import accounts

TODAY = datetime.date(2026, 3, 2)


@dataclass(frozen=True)
class Person:
    """A row of the users table, and the seats that the user has in our books and at Stripe."""

    id: int
    name: str
    email: str
    company: str
    country: str
    days_left: int
    seats: int
    seats_at_stripe: int
    plan: str = "trial"

    @property
    def customer(self):
        """The user's id at Stripe."""
        return f"cus_Sync{self.id:04d}Qk7Lm2"

    @property
    def trial_ends(self):
        """The last day of the trial."""
        return TODAY + datetime.timedelta(days=self.days_left)


PEOPLE = [
    Person(1, "Ines Caldeira", "ines@caldeira-tiles.example", "Caldeira Tiles", "PT", 5, 4, 4),
    Person(2, "Jonas Wirth", "jonas.wirth@wirth-holzbau.example", "Wirth Holzbau", "DE", 0, 12, 12),
    Person(3, "Amara Okoye", "amara@okoye-logistics.example", "Okoye Logistics", "NG", 9, 7, 6),
    Person(4, "Marta Kowalska", "marta.kowalska@@biuro.example", "Biuro Kowalska", "PL", 2, 2, 2),
    Person(5, "Liam Byrne", "liam@byrnecycles.example", "Byrne Cycles", "IE", 13, 3, 3),
    Person(6, "Chiara Fontana", "chiara.fontana@fontana.example", "Fontana Luce", "IT", 0, 5, 5),
    Person(7, "Noah Lindqvist", "noah@lindqvist-segel.example", "Lindqvist Segel", "SE", 1, 21, 18),
    Person(8, "Priya Raman", "priya@ramanfoods.example", "Raman Foods", "IN", 6, 9, 9),
    Person(9, "Tomas Vesely", "tomas@veselyprint.example", "Vesely Print", "CZ", 11, 1, 1),
    Person(10, "Elif Aydin", "elif.aydin@aydintekstil.example", "Aydin Tekstil", "TR", 3, 16, 16),
    Person(11, "Hugo Marchand", "hugo@marchand-caves.example", "Caves Marchand", "FR", 0, 8, 8),
    Person(12, "Sofie Maes", "sofie@maes-bakery.example", "Maes Bakery", "BE", 8, 2, 2),
    Person(13, "Daniel Frei", "daniel.frei@freioptik.example", "Frei Optik", "CH", 1, 6, 6),
    Person(14, "Grace Mwangi", "grace@mwangistudio.example", "Mwangi Studio", "KE", 12, 3, 2),
    Person(15, "Peter Holm", "peter@holm-garden.example", "Holm Garden", "DK", -3, 4, 4),
    Person(16, "Rosa Iglesias", "rosa@iglesias.example", "Iglesias e Hijos", "ES", -9, 2, 2),
    Person(
        17, "Yuki Tanaka", "yuki@tanaka-paper.example", "Tanaka Paper", "JP", 30, 40, 40, "team"
    ),
    Person(18, "Olga Berzina", "olga@berzina.example", "Berzina Legal", "LV", 4, 5, 5, "cancelled"),
]

DECLINING = frozenset(person.customer for person in PEOPLE if person.id == 11)
"""Customers whose cards have no funds."""

CARDS = dict(zip((3, 6, 10), accounts.CARD_NUMBERS))
"""Card numbers given on the phone, by user."""

UNKNOWN_TO_INTERCOM = {5, 13}
UNKNOWN_TO_SALESFORCE = {9, 14}
