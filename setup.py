"""Recipes and launch profiles lie at the top of the repository, and in the wheel as `weam/recipes`."""

from setuptools import find_packages, setup

SAMPLE = ["quickstart/*.tsv", "quickstart/gold.*", "quickstart/model/*"]

setup(
    packages=[*find_packages(include=["weam", "weam.*"]), "weam.recipes"],
    package_dir={"weam.recipes": "recipes"},
    package_data={"weam": ["py.typed", "cards/template.md"], "weam.recipes": ["*.yaml", "accelerate/*.yaml", *SAMPLE]},
    include_package_data=False,
)
