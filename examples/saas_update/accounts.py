"""The accounts that the stand-ins keep for the job: all secrets of the example are written here.

None of them is real, and all are distinctive, so that a search for them in anything that was
stored says whether a secret has leaked. Those with a vendor's well-known beginning are put
together from two parts, or scanners for leaked keys would take them for real.
"""

from vendors.stripe_objects import CLIENT_SECRET_MARK, HOSTED_PAGE_MARK

STRIPE_API_KEY = "sk_test_" + "51SyncTrialJobQ8vXrT2LmZk7"
INTERCOM_TOKEN = "dG9rOjQ4" + "c3luY19qb2JfaW50ZXJjb21fdG9rZW4wNzc"
SALESFORCE_USERNAME = "trial.sync@northwind-boards.example"
SALESFORCE_PASSWORD = "Kestrel&Quarry<71>Harbour"
SALESFORCE_SECURITY_TOKEN = "vT9kqSalesforceSecTok3nWm2"
SALESFORCE_CONSUMER_KEY = "3MVG9" + "ConsumerKeyOfTheTrialSync0451"
SALESFORCE_CONSUMER_SECRET = "C0nsum3rS3cr3tOfTheTrialSync8812"
SALESFORCE_SESSIONS = [
    "00Dxx0000001gEr" + "!AR8AQFirstSessionOfTheTrialSync7h2k",
    "00Dxx0000001gEr" + "!AR8AQSecondSessionOfTheTrialSync9p4w",
]

CARD_NUMBERS = ["4242424242424242", "5555555555554444", "4000056655665556"]

SECRETS = [
    STRIPE_API_KEY,
    INTERCOM_TOKEN,
    SALESFORCE_PASSWORD,
    "Kestrel&amp;Quarry&lt;71&gt;Harbour",
    SALESFORCE_SECURITY_TOKEN,
    SALESFORCE_CONSUMER_SECRET,
    *SALESFORCE_SESSIONS,
    *CARD_NUMBERS,
    CLIENT_SECRET_MARK,
    HOSTED_PAGE_MARK,
]
"""What must never be found in anything that was kept of a run."""
