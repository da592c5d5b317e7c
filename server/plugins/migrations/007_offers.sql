-- What signed messages offer until the chain has it: kept here and nowhere else, never counted.

-- Orders of the exchange, as their makers signed them. terms: by name, integers as decimal strings.
create table orders (
  order_hash hash primary key,
  place int8 not null generated always as identity, -- in the order in which they came in
  maker text not null, -- addresses with their checksum
  share_token text not null,
  is_sell bool not null,
  terms jsonb not null,
  signature bytea not null,
  received_at int8 not null
);
create unique index orders_by_place on orders (place);
create index orders_by_maker on orders (maker);
create index orders_by_token on orders (share_token, place);

-- Leases that a lot's operator has drafted; the id is what the lessee signs.
create table lease_drafts (
  draft_id hash primary key,
  place int8 not null generated always as identity,
  operator text not null,
  lessee text not null,
  lot_id int8 not null,
  terms jsonb not null,
  drafted_at int8 not null,
  signature bytea,
  signed_at int8,
  check ((signature is null) = (signed_at is null))
);
create unique index lease_drafts_by_place on lease_drafts (place);
create index lease_drafts_by_operator on lease_drafts (operator, place);
create index lease_drafts_by_lessee on lease_drafts (lessee, place);

-- More contracts are followed than before: the chain is read again.
delete from blocks;
create index events_by_market on events ((args ->> 'id'), block, log_index) where contract = 'markets';
create index events_by_lot on events ((args ->> 'lotId'), name, block, log_index) where contract = 'registry';
