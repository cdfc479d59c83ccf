"""The tables of the application's database that the job reads and writes."""

from sqlalchemy import Column, Date, ForeignKey, Integer, String, Text
from sqlalchemy.orm import declarative_base, relationship

Base = declarative_base()


class User(Base):
    """Somebody with an account: on trial, a customer, or gone."""

    __tablename__ = "northwind_users"

    id = Column(Integer, primary_key=True)
    email = Column(String(120), nullable=False, unique=True)
    name = Column(String(120), nullable=False)
    company = Column(String(120), nullable=False)
    country = Column(String(2), nullable=False)
    plan = Column(String(20), nullable=False)
    trial_ends = Column(Date)
    stripe_customer_id = Column(String(40))

    subscriptions = relationship("Subscription", order_by="Subscription.id")
    invoices = relationship("Invoice", order_by="Invoice.id")
    cards = relationship("PhoneOrderCard", order_by="PhoneOrderCard.id")


class Subscription(Base):
    """What a user has subscribed to, and for how many seats."""

    __tablename__ = "northwind_subscriptions"

    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("northwind_users.id"), nullable=False)
    stripe_subscription_id = Column(String(40))
    seats = Column(Integer, nullable=False)


class Invoice(Base):
    """An invoice from before the move to Stripe, when they were written by hand."""

    __tablename__ = "northwind_invoices"

    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("northwind_users.id"), nullable=False)
    number = Column(String(20), nullable=False)
    cents = Column(Integer, nullable=False)
    status = Column(String(20), nullable=False)


class PhoneOrderCard(Base):
    """A card that a customer gave on the phone and that is still to be moved to Stripe."""

    __tablename__ = "northwind_phone_order_cards"

    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("northwind_users.id"), nullable=False)
    number = Column(String(19))
    expires = Column(String(7))
    payment_method = Column(String(40))


class SyncResult(Base):
    """How it went with one user at one vendor."""

    __tablename__ = "northwind_sync_results"

    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("northwind_users.id"), nullable=False)
    vendor = Column(String(20), nullable=False)
    outcome = Column(String(20), nullable=False)
    detail = Column(Text)
