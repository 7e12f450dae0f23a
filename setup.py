"""Nothing goes in, the package comes out: all metadata is in setup.cfg, extensions come here."""

from setuptools import setup

setup()
