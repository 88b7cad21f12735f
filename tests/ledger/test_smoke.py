from tests.ledger.build import *
def test_x(engine, valkey_url):
    i = add(engine); assert hold(engine)[0].id == i
def test_y(engine):
    i = add(engine); assert hold(engine)[0].id == i
