"""Where the numbers of passes/cost come from: timed data, how good the models' choices are by it, how to fit again."""
