"""All tables of the index.

Revision 0001, revises .
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('agent_accounts',
    sa.Column('agent_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('token', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('accrued_wei', sa.Text(), nullable=False),
    sa.Column('seats', sa.BigInteger(), nullable=False),
    sa.Column('won', sa.BigInteger(), nullable=False),
    sa.Column('no_shows', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('agent_id', 'token')
    )
    op.create_index(op.f('ix_agent_accounts_block_number'), 'agent_accounts', ['block_number'], unique=False)
    op.create_table('agents',
    sa.Column('agent_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('wallet', sa.Text(), nullable=False),
    sa.Column('wallet_set', sa.Boolean(), nullable=False),
    sa.Column('uri', sa.Text(), nullable=False),
    sa.Column('file_digest', sa.Text(), nullable=True),
    sa.Column('registered_block', sa.BigInteger(), nullable=False),
    sa.Column('registered_tx', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('agent_id')
    )
    op.create_index(op.f('ix_agents_block_number'), 'agents', ['block_number'], unique=False)
    op.create_index(op.f('ix_agents_owner'), 'agents', ['owner'], unique=False)
    op.create_index(op.f('ix_agents_wallet'), 'agents', ['wallet'], unique=False)
    op.create_table('anchors',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_anchors_task_id'), 'anchors', ['task_id'], unique=False)
    op.create_table('balances',
    sa.Column('account', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('token', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('amount_wei', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account', 'token')
    )
    op.create_index(op.f('ix_balances_block_number'), 'balances', ['block_number'], unique=False)
    op.create_table('bids',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('price_wei', sa.Text(), nullable=False),
    sa.Column('confidence_bps', sa.BigInteger(), nullable=False),
    sa.Column('expiry_s', sa.BigInteger(), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_bids_agent_id'), 'bids', ['agent_id'], unique=False)
    op.create_index(op.f('ix_bids_task_id'), 'bids', ['task_id'], unique=False)
    op.create_table('blocks',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hash', sa.String(length=66), nullable=False),
    sa.Column('parent_hash', sa.Text(), nullable=False),
    sa.Column('timestamp_s', sa.BigInteger(), nullable=False),
    sa.Column('gas_used', sa.BigInteger(), nullable=False),
    sa.Column('gas_limit', sa.BigInteger(), nullable=False),
    sa.Column('base_fee_wei', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number'),
    sa.UniqueConstraint('hash')
    )
    op.create_table('burnt',
    sa.Column('token', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('amount_wei', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('token')
    )
    op.create_index(op.f('ix_burnt_block_number'), 'burnt', ['block_number'], unique=False)
    op.create_table('capabilities',
    sa.Column('agent_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('page_id', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('declared', sa.Text(), nullable=False),
    sa.Column('earned', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('agent_id', 'page_id')
    )
    op.create_index(op.f('ix_capabilities_block_number'), 'capabilities', ['block_number'], unique=False)
    op.create_table('capability_history',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('page_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('word', sa.Text(), nullable=False),
    sa.Column('task_id', sa.Text(), nullable=True),
    sa.Column('score_bps', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('block_number', 'log_index', 'seq')
    )
    op.create_index('capability_history_agent', 'capability_history', ['agent_id', 'page_id'], unique=False)
    op.create_table('deltas',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('base_model', sa.Text(), nullable=False),
    sa.Column('parent', sa.Text(), nullable=False),
    sa.Column('head', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('codec', sa.BigInteger(), nullable=False),
    sa.Column('size_bytes', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_deltas_agent_id'), 'deltas', ['agent_id'], unique=False)
    op.create_index(op.f('ix_deltas_base_model'), 'deltas', ['base_model'], unique=False)
    op.create_table('feedback',
    sa.Column('agent_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('client', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('feedback_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('decimals', sa.BigInteger(), nullable=False),
    sa.Column('tag1', sa.Text(), nullable=False),
    sa.Column('tag2', sa.Text(), nullable=False),
    sa.Column('endpoint', sa.Text(), nullable=False),
    sa.Column('uri', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('revoked', sa.Boolean(), nullable=False),
    sa.Column('responses', sa.BigInteger(), nullable=False),
    sa.Column('given_block', sa.BigInteger(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('agent_id', 'client', 'feedback_index')
    )
    op.create_index(op.f('ix_feedback_block_number'), 'feedback', ['block_number'], unique=False)
    op.create_table('feedback_clients',
    sa.Column('agent_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('client', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('credits', sa.BigInteger(), nullable=False),
    sa.Column('last_index', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('agent_id', 'client')
    )
    op.create_index(op.f('ix_feedback_clients_block_number'), 'feedback_clients', ['block_number'], unique=False)
    op.create_table('feedback_openings',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('seat', sa.BigInteger(), nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_feedback_openings_task_id'), 'feedback_openings', ['task_id'], unique=False)
    op.create_table('feedback_responses',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('feedback_index', sa.BigInteger(), nullable=False),
    sa.Column('responder', sa.Text(), nullable=False),
    sa.Column('uri', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_feedback_responses_agent_id'), 'feedback_responses', ['agent_id'], unique=False)
    op.create_table('logs',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.Column('tx_index', sa.BigInteger(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('topic0', sa.Text(), nullable=True),
    sa.Column('topic1', sa.Text(), nullable=True),
    sa.Column('topic2', sa.Text(), nullable=True),
    sa.Column('topic3', sa.Text(), nullable=True),
    sa.Column('data', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index('logs_topic1', 'logs', ['topic1'], unique=False)
    op.create_index('logs_topic2', 'logs', ['topic2'], unique=False)
    op.create_index('logs_tx', 'logs', ['tx_hash'], unique=False)
    op.create_table('meta',
    sa.Column('key', sa.String(length=64), autoincrement=False, nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('key')
    )
    op.create_table('payouts',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('task_id', sa.Text(), nullable=True),
    sa.Column('seat', sa.BigInteger(), nullable=True),
    sa.Column('agent_id', sa.BigInteger(), nullable=True),
    sa.Column('account', sa.Text(), nullable=True),
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('amount_wei', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index', 'seq')
    )
    op.create_index(op.f('ix_payouts_account'), 'payouts', ['account'], unique=False)
    op.create_index(op.f('ix_payouts_agent_id'), 'payouts', ['agent_id'], unique=False)
    op.create_index(op.f('ix_payouts_task_id'), 'payouts', ['task_id'], unique=False)
    op.create_table('plan_children',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('seat', sa.BigInteger(), nullable=False),
    sa.Column('child', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index', 'seq')
    )
    op.create_index(op.f('ix_plan_children_child'), 'plan_children', ['child'], unique=False)
    op.create_index(op.f('ix_plan_children_task_id'), 'plan_children', ['task_id'], unique=False)
    op.create_table('pool_books',
    sa.Column('token', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('next_epoch', sa.BigInteger(), nullable=False),
    sa.Column('carry_wei', sa.Text(), nullable=False),
    sa.Column('owed_wei', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('token')
    )
    op.create_index(op.f('ix_pool_books_block_number'), 'pool_books', ['block_number'], unique=False)
    op.create_table('pool_epochs',
    sa.Column('token', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('epoch', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('pot_wei', sa.Text(), nullable=False),
    sa.Column('given_wei', sa.Text(), nullable=False),
    sa.Column('released_wei', sa.Text(), nullable=True),
    sa.Column('reserved_wei', sa.Text(), nullable=True),
    sa.Column('left_wei', sa.Text(), nullable=False),
    sa.Column('unpaid_wei', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('token', 'epoch')
    )
    op.create_index(op.f('ix_pool_epochs_block_number'), 'pool_epochs', ['block_number'], unique=False)
    op.create_table('pool_records',
    sa.Column('task_id', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('amount_wei', sa.Text(), nullable=False),
    sa.Column('sharing', sa.Boolean(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('task_id')
    )
    op.create_index(op.f('ix_pool_records_block_number'), 'pool_records', ['block_number'], unique=False)
    op.create_table('pool_shares',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('seat', sa.BigInteger(), nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('given_wei', sa.Text(), nullable=False),
    sa.Column('amount_wei', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_pool_shares_agent_id'), 'pool_shares', ['agent_id'], unique=False)
    op.create_index(op.f('ix_pool_shares_task_id'), 'pool_shares', ['task_id'], unique=False)
    op.create_table('releases',
    sa.Column('publisher', sa.String(length=42), autoincrement=False, nullable=False),
    sa.Column('name_hash', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('version', sa.Text(), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('codec', sa.BigInteger(), nullable=False),
    sa.Column('size_bytes', sa.Text(), nullable=False),
    sa.Column('yanked', sa.Boolean(), nullable=False),
    sa.Column('published_block', sa.BigInteger(), nullable=False),
    sa.Column('published_log_index', sa.BigInteger(), nullable=False),
    sa.Column('published_s', sa.BigInteger(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('publisher', 'name_hash', 'version')
    )
    op.create_index(op.f('ix_releases_block_number'), 'releases', ['block_number'], unique=False)
    op.create_index(op.f('ix_releases_kind'), 'releases', ['kind'], unique=False)
    op.create_table('reorgs',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('to_number', sa.BigInteger(), nullable=False),
    sa.Column('from_number', sa.BigInteger(), nullable=False),
    sa.Column('old_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('seats',
    sa.Column('task_id', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('seat', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('wallet', sa.Text(), nullable=False),
    sa.Column('award_weight', sa.BigInteger(), nullable=False),
    sa.Column('weight', sa.BigInteger(), nullable=False),
    sa.Column('seated_block', sa.BigInteger(), nullable=False),
    sa.Column('seated_tx', sa.Text(), nullable=False),
    sa.Column('commitment', sa.Text(), nullable=True),
    sa.Column('commit_block', sa.BigInteger(), nullable=True),
    sa.Column('commit_tx', sa.Text(), nullable=True),
    sa.Column('answer_digest', sa.Text(), nullable=True),
    sa.Column('evidence_digest', sa.Text(), nullable=True),
    sa.Column('salt', sa.Text(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('reveal_block', sa.BigInteger(), nullable=True),
    sa.Column('reveal_tx', sa.Text(), nullable=True),
    sa.Column('trace_digest', sa.Text(), nullable=True),
    sa.Column('score_bps', sa.BigInteger(), nullable=True),
    sa.Column('scored', sa.Boolean(), nullable=True),
    sa.Column('won', sa.Boolean(), nullable=True),
    sa.Column('pay_wei', sa.Text(), nullable=True),
    sa.Column('shared_wei', sa.Text(), nullable=True),
    sa.Column('bond_returned_wei', sa.Text(), nullable=True),
    sa.Column('earned', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('task_id', 'seat')
    )
    op.create_index(op.f('ix_seats_agent_id'), 'seats', ['agent_id'], unique=False)
    op.create_index(op.f('ix_seats_block_number'), 'seats', ['block_number'], unique=False)
    op.create_table('skill_pages',
    sa.Column('page_id', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('tags', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('page_id')
    )
    op.create_index(op.f('ix_skill_pages_block_number'), 'skill_pages', ['block_number'], unique=False)
    op.create_table('skips',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('log_index', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('task_id', sa.Text(), nullable=False),
    sa.Column('agent_id', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('tx_hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('block_number', 'log_index')
    )
    op.create_index(op.f('ix_skips_task_id'), 'skips', ['task_id'], unique=False)
    op.create_table('tasks',
    sa.Column('task_id', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('requester', sa.Text(), nullable=False),
    sa.Column('router', sa.Text(), nullable=False),
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('ceiling_wei', sa.Text(), nullable=False),
    sa.Column('base_bps', sa.BigInteger(), nullable=False),
    sa.Column('bond_wei', sa.Text(), nullable=False),
    sa.Column('kind', sa.BigInteger(), nullable=False),
    sa.Column('page_id', sa.Text(), nullable=False),
    sa.Column('requirement', sa.Text(), nullable=False),
    sa.Column('min_match_bps', sa.BigInteger(), nullable=False),
    sa.Column('k', sa.BigInteger(), nullable=False),
    sa.Column('min_seats', sa.BigInteger(), nullable=False),
    sa.Column('quorum_bps', sa.BigInteger(), nullable=False),
    sa.Column('open', sa.Boolean(), nullable=False),
    sa.Column('bid_end_s', sa.BigInteger(), nullable=False),
    sa.Column('commit_end_s', sa.BigInteger(), nullable=False),
    sa.Column('reveal_window_s', sa.BigInteger(), nullable=False),
    sa.Column('reveal_end_s', sa.BigInteger(), nullable=False),
    sa.Column('evaluator', sa.Text(), nullable=False),
    sa.Column('evaluation_window_s', sa.BigInteger(), nullable=False),
    sa.Column('evaluation_end_s', sa.BigInteger(), nullable=False),
    sa.Column('evaluation_fee_wei', sa.Text(), nullable=False),
    sa.Column('shared_bps', sa.BigInteger(), nullable=False),
    sa.Column('parent', sa.Text(), nullable=False),
    sa.Column('header', sa.Text(), nullable=False),
    sa.Column('salt', sa.Text(), nullable=False),
    sa.Column('value_wei', sa.Text(), nullable=False),
    sa.Column('phase', sa.String(length=16), nullable=False),
    sa.Column('bid_count', sa.BigInteger(), nullable=False),
    sa.Column('seat_count', sa.BigInteger(), nullable=False),
    sa.Column('free_seats', sa.BigInteger(), nullable=False),
    sa.Column('commit_count', sa.BigInteger(), nullable=False),
    sa.Column('reveal_count', sa.BigInteger(), nullable=False),
    sa.Column('price_wei', sa.Text(), nullable=True),
    sa.Column('returned_wei', sa.Text(), nullable=True),
    sa.Column('winner', sa.Text(), nullable=True),
    sa.Column('winner_weight', sa.BigInteger(), nullable=True),
    sa.Column('total_weight', sa.BigInteger(), nullable=True),
    sa.Column('evaluated', sa.Boolean(), nullable=True),
    sa.Column('refund_wei', sa.Text(), nullable=True),
    sa.Column('burnt_wei', sa.Text(), nullable=True),
    sa.Column('fee_wei', sa.Text(), nullable=True),
    sa.Column('shared_wei', sa.Text(), nullable=True),
    sa.Column('receipt', sa.Text(), nullable=True),
    sa.Column('posted_block', sa.BigInteger(), nullable=False),
    sa.Column('posted_log_index', sa.BigInteger(), nullable=False),
    sa.Column('posted_s', sa.BigInteger(), nullable=False),
    sa.Column('posted_tx', sa.Text(), nullable=False),
    sa.Column('awarded_block', sa.BigInteger(), nullable=True),
    sa.Column('awarded_s', sa.BigInteger(), nullable=True),
    sa.Column('awarded_tx', sa.Text(), nullable=True),
    sa.Column('closed_block', sa.BigInteger(), nullable=True),
    sa.Column('closed_s', sa.BigInteger(), nullable=True),
    sa.Column('closed_tx', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('task_id')
    )
    op.create_index(op.f('ix_tasks_block_number'), 'tasks', ['block_number'], unique=False)
    op.create_index(op.f('ix_tasks_phase'), 'tasks', ['phase'], unique=False)
    op.create_index(op.f('ix_tasks_requester'), 'tasks', ['requester'], unique=False)
    op.create_index('tasks_posted', 'tasks', ['posted_block', 'posted_log_index'], unique=False)
    op.create_table('transactions',
    sa.Column('hash', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('tx_index', sa.BigInteger(), nullable=False),
    sa.Column('sender', sa.Text(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=True),
    sa.Column('method', sa.Text(), nullable=True),
    sa.Column('status', sa.BigInteger(), nullable=False),
    sa.Column('nonce', sa.BigInteger(), nullable=False),
    sa.Column('value_wei', sa.Text(), nullable=False),
    sa.Column('gas_used', sa.BigInteger(), nullable=False),
    sa.Column('gas_price_wei', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('hash')
    )
    op.create_index(op.f('ix_transactions_block_number'), 'transactions', ['block_number'], unique=False)
    op.create_table('undo',
    sa.Column('block_number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('table_name', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('row', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('block_number', 'seq')
    )
    op.create_table('votes',
    sa.Column('task_id', sa.String(length=66), autoincrement=False, nullable=False),
    sa.Column('answer26', sa.String(length=54), autoincrement=False, nullable=False),
    sa.Column('block_number', sa.BigInteger(), nullable=False),
    sa.Column('weight', sa.BigInteger(), nullable=False),
    sa.Column('supporters', sa.BigInteger(), nullable=False),
    sa.Column('won', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('task_id', 'answer26')
    )
    op.create_index(op.f('ix_votes_block_number'), 'votes', ['block_number'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_votes_block_number'), table_name='votes')
    op.drop_table('votes')
    op.drop_table('undo')
    op.drop_index(op.f('ix_transactions_block_number'), table_name='transactions')
    op.drop_table('transactions')
    op.drop_index('tasks_posted', table_name='tasks')
    op.drop_index(op.f('ix_tasks_requester'), table_name='tasks')
    op.drop_index(op.f('ix_tasks_phase'), table_name='tasks')
    op.drop_index(op.f('ix_tasks_block_number'), table_name='tasks')
    op.drop_table('tasks')
    op.drop_index(op.f('ix_skips_task_id'), table_name='skips')
    op.drop_table('skips')
    op.drop_index(op.f('ix_skill_pages_block_number'), table_name='skill_pages')
    op.drop_table('skill_pages')
    op.drop_index(op.f('ix_seats_block_number'), table_name='seats')
    op.drop_index(op.f('ix_seats_agent_id'), table_name='seats')
    op.drop_table('seats')
    op.drop_table('reorgs')
    op.drop_index(op.f('ix_releases_kind'), table_name='releases')
    op.drop_index(op.f('ix_releases_block_number'), table_name='releases')
    op.drop_table('releases')
    op.drop_index(op.f('ix_pool_shares_task_id'), table_name='pool_shares')
    op.drop_index(op.f('ix_pool_shares_agent_id'), table_name='pool_shares')
    op.drop_table('pool_shares')
    op.drop_index(op.f('ix_pool_records_block_number'), table_name='pool_records')
    op.drop_table('pool_records')
    op.drop_index(op.f('ix_pool_epochs_block_number'), table_name='pool_epochs')
    op.drop_table('pool_epochs')
    op.drop_index(op.f('ix_pool_books_block_number'), table_name='pool_books')
    op.drop_table('pool_books')
    op.drop_index(op.f('ix_plan_children_task_id'), table_name='plan_children')
    op.drop_index(op.f('ix_plan_children_child'), table_name='plan_children')
    op.drop_table('plan_children')
    op.drop_index(op.f('ix_payouts_task_id'), table_name='payouts')
    op.drop_index(op.f('ix_payouts_agent_id'), table_name='payouts')
    op.drop_index(op.f('ix_payouts_account'), table_name='payouts')
    op.drop_table('payouts')
    op.drop_table('meta')
    op.drop_index('logs_tx', table_name='logs')
    op.drop_index('logs_topic2', table_name='logs')
    op.drop_index('logs_topic1', table_name='logs')
    op.drop_table('logs')
    op.drop_index(op.f('ix_feedback_responses_agent_id'), table_name='feedback_responses')
    op.drop_table('feedback_responses')
    op.drop_index(op.f('ix_feedback_openings_task_id'), table_name='feedback_openings')
    op.drop_table('feedback_openings')
    op.drop_index(op.f('ix_feedback_clients_block_number'), table_name='feedback_clients')
    op.drop_table('feedback_clients')
    op.drop_index(op.f('ix_feedback_block_number'), table_name='feedback')
    op.drop_table('feedback')
    op.drop_index(op.f('ix_deltas_base_model'), table_name='deltas')
    op.drop_index(op.f('ix_deltas_agent_id'), table_name='deltas')
    op.drop_table('deltas')
    op.drop_index('capability_history_agent', table_name='capability_history')
    op.drop_table('capability_history')
    op.drop_index(op.f('ix_capabilities_block_number'), table_name='capabilities')
    op.drop_table('capabilities')
    op.drop_index(op.f('ix_burnt_block_number'), table_name='burnt')
    op.drop_table('burnt')
    op.drop_table('blocks')
    op.drop_index(op.f('ix_bids_task_id'), table_name='bids')
    op.drop_index(op.f('ix_bids_agent_id'), table_name='bids')
    op.drop_table('bids')
    op.drop_index(op.f('ix_balances_block_number'), table_name='balances')
    op.drop_table('balances')
    op.drop_index(op.f('ix_anchors_task_id'), table_name='anchors')
    op.drop_table('anchors')
    op.drop_index(op.f('ix_agents_wallet'), table_name='agents')
    op.drop_index(op.f('ix_agents_owner'), table_name='agents')
    op.drop_index(op.f('ix_agents_block_number'), table_name='agents')
    op.drop_table('agents')
    op.drop_index(op.f('ix_agent_accounts_block_number'), table_name='agent_accounts')
    op.drop_table('agent_accounts')
