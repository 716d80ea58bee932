"""The published experiment in one command: its scales, its steps in order, what runs them, and what they come to.

A scale (`scales`) becomes a plan of steps (`plan`); `runner` has them done by `work`, one after the other or one on
each core, and keeps what each comes to in the experiment's folder (`folder`). `rows` gathers that for the table and
the pictures.
"""
