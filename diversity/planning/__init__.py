"""Before anything is trained: which mixtures to compare, what they can show, and the plan that says so."""
