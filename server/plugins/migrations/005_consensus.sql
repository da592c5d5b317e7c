-- What an oracle said about an epoch that is not on-chain yet. kind: 0 report, 1 skip. step: 0 proposal, 1 prevote,
-- 2 precommit. Written before a message leaves: after a crash it is sent again, and never another in its place.
create table ballots (
  oracle_id int4 not null,
  config_digest hash not null,
  epoch int8 not null,
  kind int2 not null,
  round int8 not null,
  step int2 not null,
  message jsonb not null, -- with its signature
  quorum jsonb not null, -- the prevotes of others that a precommit rests on
  primary key (oracle_id, config_digest, epoch, kind, round, step)
);

-- The reports that those messages are about, by their hash.
create table drafts (
  oracle_id int4 not null,
  epoch int8 not null,
  report_hash hash not null,
  report jsonb not null,
  primary key (oracle_id, epoch, report_hash)
);

-- What was decided, with the quorum of precommits that says so.
create table decisions (
  oracle_id int4 not null,
  config_digest hash not null,
  epoch int8 not null,
  kind int2 not null,
  value_hash hash not null,
  quorum jsonb not null,
  decided_at int8 not null,
  primary key (oracle_id, config_digest, epoch, kind)
);

-- Each node's newest reading in a reported set: the next one has to continue it.
create table reported_readings (
  oracle_id int4 not null,
  node_id int8 not null,
  epoch int8 not null,
  reading_hash hash not null,
  body bytea not null,
  primary key (oracle_id, node_id)
);

-- What a key signed last is kept apart from the database now (keys/marks.ts).
drop table high_water;
