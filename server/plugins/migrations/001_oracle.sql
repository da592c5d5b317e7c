-- What the oracle roles keep. Epochs count UTC hours, times are unix seconds (At), hashes and keys are raw bytes.
-- Several oracle roles may share one database: each has its own rows, by oracle_id.

create domain hash as bytea check (octet_length(value) = 32);
create domain address as bytea check (octet_length(value) = 20);

-- A node's first valid reading of an epoch; body is the JSON text as it was received.
create table readings (
  oracle_id int4 not null,
  epoch int8 not null,
  node_id int8 not null,
  lot_id int8 not null,
  sequence int8 not null,
  reading_hash hash not null,
  body text not null,
  signature bytea not null,
  received_at int8 not null,
  primary key (oracle_id, epoch, node_id)
);

-- The first other reading that a node signed for the same epoch: with the reading kept, a proof against the node.
create table equivocations (
  oracle_id int4 not null,
  epoch int8 not null,
  node_id int8 not null,
  reading_hash hash not null,
  body text not null,
  signature bytea not null,
  received_at int8 not null,
  primary key (oracle_id, epoch, node_id)
);

-- One report an epoch and role. meters: what it writes on-chain; carry: what the next epoch's aggregation starts from.
create table reports (
  oracle_id int4 not null,
  epoch int8 not null,
  report_hash hash not null,
  body text not null,
  meters jsonb not null,
  carry jsonb not null,
  status text not null default 'proposed' check (status in ('proposed', 'submitted')),
  primary key (oracle_id, epoch)
);

-- Signatures over a report that a role has seen, its own among them.
create table signatures (
  oracle_id int4 not null,
  epoch int8 not null,
  report_hash hash not null,
  signer address not null,
  signature bytea not null,
  primary key (oracle_id, epoch, report_hash, signer)
);

-- The newest epoch a key has signed for, and what. Written before the signature leaves.
create table high_water (
  signer address primary key,
  epoch int8 not null,
  report_hash hash not null
);

-- Transactions to bring on-chain, each once. raw_tx is signed and stored before it is first sent: after a crash the
-- same bytes are sent again.
create table outbox (
  id int8 generated always as identity primary key,
  kind text not null,
  key text not null unique,
  sender address not null,
  request jsonb not null,
  status text not null default 'queued' check (status in ('queued', 'sent', 'mined', 'failed')),
  nonce int8,
  tx_hash hash,
  raw_tx bytea,
  attempt_count int4 not null default 0,
  error text,
  check (status in ('queued', 'failed') or (nonce is not null and tx_hash is not null and raw_tx is not null))
);
create unique index outbox_one_nonce on outbox (sender, nonce) where status in ('sent', 'mined');
create index outbox_open on outbox (sender, id) where status in ('queued', 'sent');

-- Progress marks, by name.
create table kv (
  name text primary key,
  value text not null
);
