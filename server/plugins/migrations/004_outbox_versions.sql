-- Every signed version of a transaction: one nonce, rising fees. Whichever of them is mined, the transaction is. After
-- another took the nonce the old versions stay: what a deep re-org brings back is still known.
create table outbox_versions (
  tx_hash hash primary key,
  item_id int8 not null references outbox (id),
  nonce int8 not null,
  raw_tx bytea not null,
  signed_at timestamptz not null default now()
);
create index outbox_versions_item on outbox_versions (item_id, signed_at);
insert into outbox_versions (tx_hash, item_id, nonce, raw_tx)
  select tx_hash, id, nonce, raw_tx from outbox where raw_tx is not null;

-- mined: in a block that may still go. done: deep enough; without a hash, another transaction had the effect.
alter table outbox drop column raw_tx;
alter table outbox drop constraint outbox_status_check;
alter table outbox add check (status in ('queued', 'sent', 'mined', 'done', 'failed'));
alter table outbox add check (status in ('queued', 'failed', 'done') or (nonce is not null and tx_hash is not null));
drop index outbox_one_nonce;
create unique index outbox_one_nonce on outbox (sender, nonce) where status in ('sent', 'mined', 'done');
drop index outbox_open;
create index outbox_open on outbox (sender, id) where status in ('queued', 'sent', 'mined');
