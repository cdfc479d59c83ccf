"""What the job needs to know of its surroundings, from environment variables."""

import datetime
import os

DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///northwind.db")

STRIPE_API_KEY = os.environ["STRIPE_API_KEY"]
STRIPE_API_BASE = os.environ.get("STRIPE_API_BASE", "https://api.stripe.com")

INTERCOM_TOKEN = os.environ["INTERCOM_TOKEN"]
INTERCOM_API_BASE = os.environ.get("INTERCOM_API_BASE", "https://api.intercom.io")

SALESFORCE_USERNAME = os.environ["SALESFORCE_USERNAME"]
SALESFORCE_PASSWORD = os.environ["SALESFORCE_PASSWORD"]
SALESFORCE_SECURITY_TOKEN = os.environ["SALESFORCE_SECURITY_TOKEN"]
SALESFORCE_DOMAIN = os.environ.get("SALESFORCE_DOMAIN", "login")

PRICE_PER_SEAT = 2900
CURRENCY = "eur"

TODAY = (
    datetime.date.fromisoformat(os.environ["SYNC_DATE"])
    if "SYNC_DATE" in os.environ
    else datetime.date.today()
)
