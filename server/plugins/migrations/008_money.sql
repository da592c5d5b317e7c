-- What is asked of one lease, and of one account's shares, without reading every other's events.
create index events_by_lease on events ((args ->> 'leaseId'), name) where contract = 'leases';
create index events_by_sender on events ((args ->> 'from')) where contract = 'classToken' and name = 'Transfer';
create index events_by_receiver on events ((args ->> 'to')) where contract = 'classToken' and name = 'Transfer';
create index events_by_payment on events (address, name, (args ->> 'paymentIndex')) where contract = 'facility';
