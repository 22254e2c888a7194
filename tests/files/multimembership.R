# The oracle of tests/stats/test_multimembership.py: lme4's REML with the membership weights in place of its random-effect
# matrix. Rscript multimembership.R < multimembership.csv   (R 4.2.2, lme4 1.1-31, lmerTest 3.1-3)
suppressMessages(library(lme4))
data <- read.csv(file("stdin"))
weights <- as.matrix(data[grep("^w_", names(data))])
tasks <- ncol(weights)
data$task <- factor(rep_len(seq_len(tasks), nrow(data)))  # only so that there are as many random effects as tasks
form <- lFormula(y ~ x + (1 | task), data, REML = TRUE)
form$reTrms$Zt <- as(t(weights), "CsparseMatrix")
deviance <- do.call(mkLmerDevfun, form)
optimum <- optimizeLmer(deviance, control = list(xtol_rel = 1e-10, ftol_rel = 1e-14))
fit <- mkMerMod(environment(deviance), optimum, form$reTrms, fr = form$fr)
cat(sprintf("slope %.8f\nse %.8f\nsd_task %.8f\nsd_noise %.8f\nreml %.8f\n", fixef(fit)[["x"]],
            sqrt(vcov(fit)["x", "x"]), attr(VarCorr(fit)$task, "stddev"), sigma(fit), REMLcrit(fit)))
print(summary(lmerTest:::as_lmerModLT(fit, deviance), ddf = "Satterthwaite")$coefficients)
