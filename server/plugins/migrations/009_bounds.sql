-- What is asked whenever an order is handed in, listed or purged, and of nodes by their ids.
create index orders_by_expiry on orders (((terms ->> 'expiresAt')::numeric));
create index orders_by_maker_expiry on orders (maker, ((terms ->> 'expiresAt')::numeric));
drop index orders_by_maker;
create index events_by_order on events ((args ->> 'orderHash'), name, block, log_index) where contract = 'exchange';
create index events_by_maker on events ((args ->> 'maker')) where contract = 'exchange' and name = 'CancelledBelow';
create index events_by_node on events (((args ->> 'nodeId')::int8)) where contract = 'registry' and name = 'NodeRegistered';
create index events_by_revoked on events ((args ->> 'nodeId')) where contract = 'registry' and name = 'NodeRevoked';
