-- The chain as this program has followed it: what the read model is computed from. All of it comes from the chain and
-- can be deleted at any time: it is read again.

-- Blocks with an event of ours, and the last block of each range that was read. The newest is the head.
create table blocks (
  number int8 primary key,
  hash hash not null,
  time int8 not null
);

-- Events of our contracts, decoded. args: by name, integers as decimal strings, structs as objects.
create table events (
  block int8 not null references blocks (number) on delete cascade,
  log_index int4 not null,
  tx_hash hash not null,
  address text not null, -- with its checksum
  contract text not null,
  name text not null,
  args jsonb not null,
  primary key (block, log_index)
);
create index events_by_name on events (contract, name, block, log_index);
create index events_by_address on events (address, name, block, log_index);
create unique index events_by_epoch on events (((args ->> 'epoch')::int8))
  where contract = 'telemetry' and name in ('Submitted', 'Skipped');

-- The order in which readings came in: a report was made from the first ones, and what came late is behind them.
alter table readings add column place int8 generated always as identity;
