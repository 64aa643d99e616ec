"""Labelled cases for languages without a labelled set, made of parts, half of them safe.

Written from the documentation of the APIs by somebody who had not read the rules; keep it so.
"""
