"""Video in: a killable decoder process, a shared-memory ring, and frames out.

Nothing is imported here: the decoder child imports this package and must start quickly.
"""
