"""Networks written out in torch; every module here is imported late, since torch is optional."""
